"""The site without its ready-made pages: Django renders at every request."""

from neurodash.web.wsgi import make

app = make()
app.keep = False
