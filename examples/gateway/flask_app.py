"""A Flask app: a form, and a cookie that counts visits."""

from flask import Flask, request, session, url_for

app = Flask(__name__)
app.secret_key = "an example's key: yours comes from the environment"


@app.get("/")
def index():
    session["visits"] = session.get("visits", 0) + 1
    return (
        f"<!doctype html><title>Flask</title><h1>Flask</h1><p>Visit {session['visits']}.</p>"
        f"<form method=post action='{url_for('greet')}'><input name=name><button>Greet</button></form>\n"
    )


@app.post("/greet")
def greet():
    return {"hello": request.form["name"], "client": request.remote_addr}
