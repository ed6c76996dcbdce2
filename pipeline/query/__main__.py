"""`python -m pipeline.query` prints the page of the views."""

from pipeline.query.views import views_page

print(views_page(), end="")
