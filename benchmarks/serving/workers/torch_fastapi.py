"""Baseline server: the same model in PyTorch behind FastAPI, written the usual way. Run it with uvicorn."""

import json
import os
from pathlib import Path

import torch
from fastapi import FastAPI
from pydantic import BaseModel
from safetensors.torch import load_file
from sklearn.feature_extraction.text import CountVectorizer
from torch import nn


class Instance(BaseModel):
    """A document, as text or as word counts."""

    text: str | None = None
    features: list[float] | None = None


class Request(BaseModel):
    """A batch of documents."""

    instances: list[Instance]


class Encoder(nn.Module):
    """Encoder with one hidden layer, the container's default."""

    def __init__(self, tensors: dict[str, torch.Tensor]) -> None:
        super().__init__()
        vocabulary, width = tensors["encoder.0.weight"].shape
        self.hidden = nn.Linear(vocabulary, width)
        self.mean = nn.Linear(width, len(tensors["mean.bias"]))
        self.hidden.weight.data = tensors["encoder.0.weight"].T.contiguous()
        self.hidden.bias.data = tensors["encoder.0.bias"]
        self.mean.weight.data, self.mean.bias.data = tensors["mean.weight"], tensors["mean.bias"]

    def forward(self, counts: torch.Tensor) -> torch.Tensor:
        """Return the topic weights."""
        frequencies = counts / counts.sum(dim=1, keepdim=True).clamp(min=1)
        return self.mean(self.hidden(frequencies).relu()).softmax(dim=1)


directory = Path(os.environ["SAGEMAKER_BASE_DIR"]) / "model"
model = Encoder(load_file(directory / "model.safetensors")).eval()
vectorizer = CountVectorizer(
    vocabulary=(directory / "vocab.txt").read_text("utf-8").splitlines(),
    token_pattern=json.loads((directory / "tokenizer.json").read_text("utf-8"))["pattern"],
)
app = FastAPI()


@app.get("/ping")
def ping() -> dict[str, str]:
    """Answer health checks."""
    return {"status": "ok"}


@app.post("/invocations")
def invocations(request: Request) -> dict[str, list[dict[str, list[float]]]]:
    """Return each document's topic weights."""
    if request.instances[0].text is None:
        counts = torch.tensor([instance.features for instance in request.instances])
    else:
        texts = [instance.text for instance in request.instances]
        counts = torch.from_numpy(vectorizer.transform(texts).toarray()).float()
    with torch.no_grad():
        weights = model(counts)
    return {"predictions": [{"topic_weights": row} for row in weights.tolist()]}
