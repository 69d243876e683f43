"""Which number a pod and a version have: the first that was seen is 0, and keeps it."""

from __future__ import annotations

from meshtui.envoy.logline import LogLine


class PodMarks:
    """Of all the logs of a session, so that a pod has one letter and one colour in each."""

    def __init__(self) -> None:
        self._pods: dict[tuple[str, str], int] = {}
        self._versions: dict[str, int] = {}

    @property
    def pods(self) -> int:
        return len(self._pods)

    def see(self, line: LogLine) -> None:
        pod = line.namespace, line.pod
        if pod not in self._pods:
            self._pods[pod] = len(self._pods)
        if line.version not in self._versions:
            self._versions[line.version] = len(self._versions)

    def pod_number(self, line: LogLine) -> int:
        return self._pods.get((line.namespace, line.pod), 0)

    def version_number(self, line: LogLine) -> int:
        return self._versions.get(line.version, 0)
