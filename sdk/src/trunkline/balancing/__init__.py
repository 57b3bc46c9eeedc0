"""Which instance a call goes to, and what is done when that one fails.

`choosing.py` the policies · `stations.py` an instance as a caller knows it ·
`guards.py` circuit breaker and retry budget · `crews.py` who offers a skill ·
`tickets.py` one call, however many attempts · `vigil.py` whether those who
were called are still there · `directory.py` asks the hub · `balancer.py` all of it.
"""

from trunkline.balancing.balancer import Balancer, Directory, Order
from trunkline.balancing.directory import HubDirectory
from trunkline.balancing.options import CallOptions
from trunkline.balancing.statistics import InstanceStatistics, SkillStatistics

__all__ = [
    "Balancer",
    "CallOptions",
    "Directory",
    "HubDirectory",
    "InstanceStatistics",
    "Order",
    "SkillStatistics",
]
