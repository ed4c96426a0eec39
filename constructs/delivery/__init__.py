"""Continuous delivery with GitHub Actions or CodePipeline."""
