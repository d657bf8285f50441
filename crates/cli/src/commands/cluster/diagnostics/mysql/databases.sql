-- The databases, the largest first.
SELECT table_schema AS name, count(*) AS tables, CAST(sum(data_length + index_length) AS SIGNED) AS bytes
FROM information_schema.tables
WHERE table_schema NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys')
GROUP BY table_schema ORDER BY 3 DESC, 1
