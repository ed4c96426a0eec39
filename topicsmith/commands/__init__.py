"""The commands of ``topicsmith``, by what they are about; each prints, the modules above them do the work."""
