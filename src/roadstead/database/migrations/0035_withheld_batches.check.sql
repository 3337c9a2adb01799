SELECT 'a batch that was sent after it was withheld' FROM batches AS b
WHERE b.withheld_at IS NOT NULL AND b.status = 'sent'
