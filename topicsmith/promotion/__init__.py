"""Promotion: a model that was approved in one environment comes to another one without being trained again."""
