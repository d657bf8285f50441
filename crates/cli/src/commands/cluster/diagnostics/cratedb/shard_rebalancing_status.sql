-- Shards by where they are, in the eyes of the routing.
SELECT routing_state, count(*) AS shards, sum(size) AS bytes
FROM sys.shards GROUP BY routing_state ORDER BY routing_state
