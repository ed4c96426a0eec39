import os

os.environ["SAGEMAKER_SUPPRESS_V2_WARNING"] = "1"  # the SDK warns on import
