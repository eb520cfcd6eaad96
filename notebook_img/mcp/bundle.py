"""The old name of `mcpb`: ``python -m notebook_img.mcp.bundle OUT.mcpb`` still works."""

from notebook_img.mcp.mcpb import main

if __name__ == "__main__":
    main()
