"""What looks like a secret is taken out, and what a training log is made of stays."""

import random
import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoresearch_tui.record.masking import MASK, StreamMask, mask

KEY_BLOCK = (
    "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\nAAAA\n-----END OPENSSH PRIVATE KEY-----"
)

SECRETS = [
    ("sk-ant-api03-AbCdEf0123456789_-x", "sk-ant"),
    ("sk-proj-AbCdEf0123456789AbCdEf", "sk-proj"),
    ("ghp_AbCdEf0123456789AbCdEf0123456789abcd", "ghp_"),
    ("github_pat_11ABCDEFG0abcdefghij_klmnop", "github_pat"),
    ("AKIAIOSFODNN7EXAMPLE", "AKIA"),
    ("hf_AbCdEfGhIjKlMnOpQrStUvWxYzAbCdEfGh", "hf_A"),
    ("glpat-AbCdEf0123456789abcd", "glpat"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmN", "eyJzdWIi"),
    ("Authorization: Bearer abcdef0123456789abcdef", "abcdef0123"),
    ("authorization: token 0123456789abcdef", "0123456789abcdef"),
    ("AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "wJalr"),
    ("WANDB_API_KEY: 'a1b2c3d4e5f6a7b8c9d0'", "a1b2c3"),
    ('{"api_key": "q9w8e7r6t5y4u3i2"}', "q9w8"),
    ("export DB_PASSWORD=hunter2hunter", "hunter2"),
    ("https://me:s3cr3tpass@example.com/repo", "s3cr3t"),
    (KEY_BLOCK, "b3BlbnNz"),
    (KEY_BLOCK[40:], "AAAA"),
    (KEY_BLOCK[:60], "b3Blbn"),
]


@pytest.mark.parametrize(("text", "telling"), SECRETS)
@pytest.mark.parametrize("around", ["{}", "step 3 | {} | done\nstep 4", "('{}')"])
def test_what_looks_like_a_secret_is_masked(text: str, telling: str, around: str) -> None:
    masked = mask(around.format(text))
    assert telling not in masked
    assert MASK in masked


LOGS = [
    "step 00010 (3.2%) | loss: 4.812345 | lrm: 1.00 | dt: 330ms | tok/sec: 1,550,000 | mfu: 38.0",
    "total_tokens_M: 393.7  num_params_M: 50.3  tokens_per_s=21600",
    "KeyError: 'transformer.h.0.attn.c_q.weight'",
    'RuntimeError: Error(s) in loading state_dict: Missing key(s): "h.10.mlp.c_proj.weight"',
    "special token: <|bos|>, token: 8191, pad_token = None, n_kv_head: 4",
    "key = self.c_k(x).view(B, T, self.n_kv_head, self.head_dim)",
    "AssertionError: expected sk-learn-contrib-and-more; hf_pretrainedcheckpoint; ghp",
    "commit 3f786850e387550fdab836ed7e6dc881de23001b",
    "val_bpb: 0.997900\nhttp://localhost:8080/path?x=1 user@host",
]


@pytest.mark.parametrize("log", LOGS)
def test_a_training_log_stays_as_it_is(log: str) -> None:
    assert mask(log) == log


@given(st.text(), st.sampled_from([text for text, _ in SECRETS]), st.text())
def test_masking_is_done_once_and_for_all(before: str, secret: str, after: str) -> None:
    masked = mask(f"{before} {secret} {after}")
    assert mask(masked) == masked


@given(st.lists(st.text("abcd", max_size=8)), st.lists(st.text("abcd", max_size=7), max_size=3))
def test_a_known_value_is_taken_out_wherever_a_stream_was_cut(
    pieces: list[str], values: list[str]
) -> None:
    stream = StreamMask(values)
    told = "".join([stream.feed(piece) for piece in pieces]) + stream.rest()
    long_enough = [value for value in values if len(value) >= 6]
    for value in long_enough:
        assert value not in told.replace(MASK, "\n")
    if not long_enough:
        assert told == "".join(pieces)


def test_masking_takes_time_in_proportion() -> None:
    alphabet = random.Random(1).choices(
        string.ascii_letters + string.digits + "-_=: '\"./@", k=4096
    )
    begin = "-----BEGIN OPENSSH PRIVATE KEY-----"
    for piece in ("".join(alphabet), "a", "_", "key=", "://", "password:", "eyJ.", begin):
        began = time.process_time()
        mask(piece * (16_000 // len(piece)))
        # A quadratic pattern needs minutes here.
        assert time.process_time() - began < 10
