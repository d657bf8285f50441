-- Sessions by what they do.
SELECT command AS state, count(*) AS sessions, @@max_connections AS allowed
FROM information_schema.processlist GROUP BY command ORDER BY 2 DESC, 1
