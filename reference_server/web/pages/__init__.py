"""The pages of the webmail, one module for what people do."""
