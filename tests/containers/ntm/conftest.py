import os

import pytest
import torch

os.environ["SAGEMAKER_SUPPRESS_V2_WARNING"] = "1"  # the SDK warns on import


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)
