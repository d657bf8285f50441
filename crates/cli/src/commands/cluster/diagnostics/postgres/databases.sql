-- The databases that we may connect to, the largest first.
SELECT datname::text AS name, pg_database_size(oid) AS bytes, pg_encoding_to_char(encoding)::text AS encoding
FROM pg_database WHERE has_database_privilege(oid, 'CONNECT') AND NOT datistemplate ORDER BY 2 DESC, 1
