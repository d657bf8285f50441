-- The file: its pages, and how many of them are free.
SELECT page_count * page_size AS bytes, freelist_count * page_size AS free_bytes, journal_mode
FROM pragma_page_count(), pragma_page_size(), pragma_freelist_count(), pragma_journal_mode()
