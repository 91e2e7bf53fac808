"""The kinds of workbooks that are issued and delivered back, a module each; `table` lists them."""
