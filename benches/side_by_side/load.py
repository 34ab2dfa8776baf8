"""The load: wrk over loopback, keep-alive, one thread."""

import dataclasses
import json
import pathlib
import subprocess
import tempfile

CONNECTIONS = 32

DONE = """
done = function(summary, latency, requests)
  io.write(string.format('RESULT {"requests": %d, "micros": %d, "errors": %d, "p50": %.3f, "p99": %.3f}\\n',
    summary.requests, summary.duration,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status + summary.errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
"""


@dataclasses.dataclass
class Result:
    requests: int
    seconds: float
    errors: int
    p50: float
    p99: float


@dataclasses.dataclass
class Load:
    """GET, or POST of a body; with fixed headers, or with a new token from a file in each request."""

    path: str = "/x"
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    body: str | None = None
    tokens: pathlib.Path | None = None

    def script(self) -> str:
        lines = [f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}" for name, value in self.headers.items()]
        if self.body is not None:
            lines += ['wrk.method = "POST"', f"wrk.body = {json.dumps(self.body)}"]
        if self.tokens:
            lines.append(f"""
local tokens, place = {{}}, 0
for line in io.lines({json.dumps(str(self.tokens))}) do tokens[#tokens + 1] = line end
request = function()
  place = place % #tokens + 1
  return wrk.format(nil, nil, {{ ["Host"] = "bench.example.com", ["Authorization"] = "Bearer " .. tokens[place] }})
end""")
        return "\n".join(lines) + DONE

    def run(self, port: int, seconds: float, core: int) -> Result:
        with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
            script.write(self.script())
            script.flush()
            # wrk takes whole seconds.
            duration = max(1, round(seconds))
            command = ["taskset", "-c", str(core), "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{duration}s", "-s", script.name,
                       "-H", "Host: bench.example.com", f"http://127.0.0.1:{port}{self.path}"]
            output = subprocess.run(command, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL).stdout
        line = next(line for line in output.splitlines() if line.startswith("RESULT "))
        values = json.loads(line.removeprefix("RESULT "))
        return Result(values["requests"], values["micros"] / 1e6, values["errors"], values["p50"], values["p99"])
