-- The largest tables.
SELECT table_schema AS `schema`, table_name AS name, CAST(data_length + index_length AS SIGNED) AS bytes,
       CAST(table_rows AS SIGNED) AS rows_about, engine
FROM information_schema.tables
WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys')
ORDER BY 3 DESC, 1, 2 LIMIT 20
