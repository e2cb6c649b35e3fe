"""How many nodes trained: ``python - NODES < where.py`` in a container of the cluster; exits with 1
where fewer nodes than that had a training worker of Ray Train's."""

import sys

from ray.util.state import list_actors

found = list_actors(
    "http://ray-head:8265", filters=[("class_name", "=", "RayTrainWorker")], limit=1000
)
nodes = {actor.node_id for actor in found if actor.node_id}
print(f"{len(found)} training workers on {len(nodes)} nodes")
sys.exit(len(nodes) < int(sys.argv[1]))
