"""What a client gets for a host and port, as istiod resolves it.

`world(mesh)` resolves a snapshot; `.view(client)` is what one client gets of it; `.resolve(host,
port)` answers for one host. Tested against what a real istiod made of the same objects.
"""

from meshtui.mesh.resolution.answer import Overruled as Overruled
from meshtui.mesh.resolution.answer import Resolution as Resolution
from meshtui.mesh.resolution.client import Callers as Callers
from meshtui.mesh.resolution.client import Client as Client
from meshtui.mesh.resolution.client import Crowd as Crowd
from meshtui.mesh.resolution.client import client_of as client_of
from meshtui.mesh.resolution.clusters import Cluster as Cluster
from meshtui.mesh.resolution.clusters import Reach as Reach
from meshtui.mesh.resolution.consequences import ClusterChange as ClusterChange
from meshtui.mesh.resolution.consequences import LostRoute as LostRoute
from meshtui.mesh.resolution.consequences import cluster_changes as cluster_changes
from meshtui.mesh.resolution.consequences import lost_routes as lost_routes
from meshtui.mesh.resolution.delegates import MergedRule as MergedRule
from meshtui.mesh.resolution.delegates import RulePlace as RulePlace
from meshtui.mesh.resolution.endpoints import Endpoint as Endpoint
from meshtui.mesh.resolution.endpoints import Endpoints as Endpoints
from meshtui.mesh.resolution.forwarding import RouteTarget as RouteTarget
from meshtui.mesh.resolution.gateways import Door as Door
from meshtui.mesh.resolution.policies import Joined as Joined
from meshtui.mesh.resolution.registry import Host as Host
from meshtui.mesh.resolution.registry import HostPort as HostPort
from meshtui.mesh.resolution.routes import Route as Route
from meshtui.mesh.resolution.routes import Unused as Unused
from meshtui.mesh.resolution.rulings import Ruling as Ruling
from meshtui.mesh.resolution.shared import Shared as Shared
from meshtui.mesh.resolution.streams import Chain as Chain
from meshtui.mesh.resolution.tables import VirtualHost as VirtualHost
from meshtui.mesh.resolution.unread import Unread as Unread
from meshtui.mesh.resolution.view import View as View
from meshtui.mesh.resolution.world import World as World
from meshtui.mesh.resolution.world import recounts as recounts
from meshtui.mesh.resolution.world import succeed as succeed
from meshtui.mesh.resolution.world import succeed_with_rules as succeed_with_rules
from meshtui.mesh.resolution.world import world as world
