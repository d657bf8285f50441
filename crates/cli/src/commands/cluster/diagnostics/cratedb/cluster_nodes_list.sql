-- The nodes: version, memory, disk and load.
SELECT name, hostname, version['number'] AS version, heap['used'] AS heap_used, heap['max'] AS heap_max,
       fs['total']['used'] AS disk_used, fs['total']['size'] AS disk_size, load['1'] AS load
FROM sys.nodes ORDER BY name
