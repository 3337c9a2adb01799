"""What banks say was booked: statements in an unbroken chain, their lines matched to payouts or held in suspense."""
