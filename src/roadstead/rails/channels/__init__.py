"""Ways to exchange files with a bank: a folder, or SFTP."""
