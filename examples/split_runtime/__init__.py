"""A plan, executed: one process per node, tensors over gloo, stages of torch.distributed.pipelining.

job says what is to be run, node is the process that runs its part, fleet holds all nodes of one machine and makes them
as slow as asked (throttle, network). Only the modules that a node needs import torch.
"""
