"""Builds the appliance's image: stages with names, each made again only when what goes into it changed."""
