SELECT 'a document with what is too short to be its sealed digest' FROM customer_files WHERE octet_length(sealed_digest) < 45
