-- The newest snapshots.
SELECT repository, name, state, started, finished, array_length(tables, 1) AS tables
FROM sys.snapshots ORDER BY started DESC LIMIT 10
