-- The name of the cluster, and the node that leads it.
SELECT c.name, n.name AS master FROM sys.cluster AS c LEFT JOIN sys.nodes AS n ON n.id = c.master_node
