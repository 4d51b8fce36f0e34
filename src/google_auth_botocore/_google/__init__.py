"""The Google side: the Security Token Service, IAM Credentials and OAuth. The only code that sends HTTP to Google."""
