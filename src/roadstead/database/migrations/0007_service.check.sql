SELECT 'a lease without an epoch' FROM leases WHERE epoch < 1
