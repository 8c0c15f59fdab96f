"""A newsletter: each session submits one message to many readers.

mailproof load newsletter.py server.toml --rate 1 --duration 60 --profile newsletter.toml
locust -f newsletter.py --mail-target server.toml --headless --users 2 --run-time 1m
"""

from loadtests import SubmissionUser
from loadtests.plan import Content, Settings, Traffic


class Newsletter(SubmissionUser):
    # For Locust alone; under `mailproof load` the profile says these.
    settings = Settings(
        traffic=Traffic(recipients=(50, 50)), content=Content(sizes="fixed", octets=60_000, pool=5)
    )

    def session(self) -> None:
        with self.open() as submission:
            submission.send(self.letter())
