-- Tables and views.
SELECT name, type AS kind, (SELECT count(*) FROM pragma_table_info(m.name)) AS columns
FROM sqlite_master AS m WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY name
