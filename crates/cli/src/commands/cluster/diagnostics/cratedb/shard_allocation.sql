-- Shards by what the allocation makes of them.
SELECT current_state, "primary", count(*) AS shards
FROM sys.allocations GROUP BY current_state, "primary" ORDER BY current_state, "primary" DESC
