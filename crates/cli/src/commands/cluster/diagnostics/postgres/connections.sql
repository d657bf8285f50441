-- Sessions by what they do.
SELECT coalesce(state, backend_type)::text AS state, count(*) AS sessions,
       current_setting('max_connections')::bigint AS allowed
FROM pg_stat_activity GROUP BY 1 ORDER BY 2 DESC, 1
