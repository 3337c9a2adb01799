-- note: Remember the SEP-12 type under which a customer was last registered: it is the one by which the customer is judged
-- note: when a partner asks without naming a type.

ALTER TABLE customers ADD COLUMN registered_type text CHECK (length(registered_type) <= 100);
