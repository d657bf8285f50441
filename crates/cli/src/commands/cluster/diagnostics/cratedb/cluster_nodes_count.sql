-- How many nodes there are.
SELECT count(*) AS nodes FROM sys.nodes
