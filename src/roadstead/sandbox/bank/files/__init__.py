"""The file door of the bank: ISO 20022 files in folders, read and written without anything of the server's own."""
