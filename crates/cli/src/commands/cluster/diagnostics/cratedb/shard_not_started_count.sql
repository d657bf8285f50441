-- How many shards do not run.
SELECT count(*) AS shards FROM sys.allocations WHERE current_state <> 'STARTED'
