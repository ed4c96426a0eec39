"""Hosts of a training job, each with its own documents and a replica of the network.

Replicas are averaged every few steps, instead of gradients in each step (local SGD: Stich, arXiv 1805.09767; Lin et
al., arXiv 1808.07217): a step takes a few milliseconds, too short to exchange megabytes of gradients.
"""

import datetime
import logging
import os
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, distributed

from ntm.common.errors import InputError

# Steps between two averages.
SYNC_STEPS = 16
_PORT = 29500
# One host may have to read many times the data of another before they connect.
_TIMEOUT = datetime.timedelta(hours=2)

_log = logging.getLogger(__name__)


class Hosts:
    """Communication between the hosts of a job; with a single host nothing is sent.

    Attributes:
        name: Name of this host.
        rank: Rank of this host, from 0; the first host writes the model.
        count: Number of hosts.
    """

    def __init__(self, names: Sequence[str] = ("algo-1",), name: str = "algo-1") -> None:
        """Set the names of the hosts; call ``connect`` to connect them."""
        self.name, self.rank, self.count = name, names.index(name), len(names)
        self._first = names[0]

    def connect(self, interface: str) -> None:
        """Connect all hosts: by gloo between CPUs, by NCCL between GPUs.

        The environment variables MASTER_ADDR and MASTER_PORT override the address of the first host.

        Raises:
            InputError: The hosts cannot reach each other.
        """
        if self.count == 1:
            return
        os.environ.setdefault("GLOO_SOCKET_IFNAME", interface)
        os.environ.setdefault("NCCL_SOCKET_IFNAME", interface)
        address = f"{os.environ.get('MASTER_ADDR', self._first)}:{os.environ.get('MASTER_PORT', _PORT)}"
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        try:
            distributed.init_process_group(
                backend, init_method=f"tcp://{address}", rank=self.rank, world_size=self.count, timeout=_TIMEOUT
            )
        except (RuntimeError, ValueError) as error:
            raise InputError(
                f"Host {self.name} cannot reach the other hosts of the job at {address} over {interface}: {error}."
            ) from None

    def close(self) -> None:
        """Leave the group once all hosts are done.

        A process that ends while Gloo's threads still run is sometimes aborted (exit code 134) after its work is done.
        """
        if self.count == 1:
            return
        distributed.barrier()
        distributed.destroy_process_group()

    def total(self, array: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sum of the hosts' arrays, which have the same shape."""
        if self.count == 1:
            return array
        tensor = torch.from_numpy(np.array(array, np.float64))
        self._reduce(tensor, distributed.ReduceOp.SUM)
        return tensor.numpy()

    def largest(self, number: float) -> float:
        """Return the largest of the hosts' numbers."""
        if self.count == 1:
            return number
        tensor = torch.tensor(number, dtype=torch.float64)
        self._reduce(tensor, distributed.ReduceOp.MAX)
        return float(tensor)

    @torch.no_grad()
    def average(self, tensors: Sequence[Tensor], weight: float) -> None:
        """Replace floating-point tensors by their weighted mean over hosts; the weights of all hosts sum to 1."""
        if self.count == 1:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors]) * weight
        self._reduce(flat, distributed.ReduceOp.SUM)
        for tensor, mean in zip(tensors, torch.split(flat, [tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(mean.view_as(tensor))

    def _reduce(self, tensor: Tensor, operation: distributed.ReduceOp.RedOpType) -> None:
        try:
            distributed.all_reduce(tensor, operation)
        except RuntimeError as error:
            _log.error("%s", error)
            raise InputError("Another host of the job failed; see its log and its failure reason.") from None
