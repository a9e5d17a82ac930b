"""A browser without script: it keeps cookies, and fills in and sends the forms of pages."""

import html.parser
import http.cookiejar
import urllib.error
import urllib.parse
import urllib.request

from system import Trouble

NO_TEXT = ("checkbox", "radio", "file", "submit", "button", "reset", "image")


class Form:
    """`buttons` are what its buttons send as `action`; `options` are the values of its selections, by their text."""

    def __init__(self, action):
        self.action, self.fields, self.options, self.buttons = action, {}, {}, []


class Page(html.parser.HTMLParser):
    def __init__(self, url, text):
        super().__init__()
        self.url, self.text = url, text
        self.forms, self.form, self.selection, self.option = [], None, None, None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form":
            self.form = Form(urllib.parse.urljoin(self.url, attributes.get("action") or self.url))
            self.forms.append(self.form)
        elif self.form is not None:
            self.handle_control(tag, attributes, attributes.get("name"))

    def handle_control(self, tag, attributes, name):
        if tag == "input" and name and attributes.get("type") not in NO_TEXT:
            self.form.fields.setdefault(name, attributes.get("value", ""))
        elif tag == "button" and name == "action":
            self.form.buttons.append(attributes.get("value"))
        elif tag == "select":
            self.selection = name
        elif tag == "option":
            self.option = attributes.get("value")
            if "selected" in attributes:
                self.form.fields[self.selection] = self.option

    def handle_data(self, data):
        if self.option is not None and data.strip():
            self.form.options[data.strip()] = self.option
            self.option = None

    def handle_endtag(self, tag):
        if tag == "form":
            self.form = None

    def form_with(self, button, fields):
        """The form that has this button; without one, the one that has these fields."""
        for form in self.forms:
            if button in form.buttons or (button is None and set(fields) <= set(form.fields)):
                return form
        raise Trouble(f"{self.url} has no form with {button or ', '.join(fields)}: {self.text[-3000:]}")


class Browser:
    def __init__(self, base):
        self.base = base
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.opener = urllib.request.build_opener(cookies)

    def open(self, path):
        return self.send(self.base + path)

    def send(self, url, values=None):
        data = urllib.parse.urlencode(values).encode() if values is not None else None
        try:
            with self.opener.open(url, data, timeout=120) as answer:
                return Page(answer.geturl(), answer.read().decode())
        except urllib.error.HTTPError as refusal:
            raise Trouble(f"{url}: {refusal.code} {refusal.read().decode()[-500:]}") from None

    def press(self, page, button, expected, **values):
        """Fills in a form and presses one of its buttons; None is a field without a choice. The page that comes then
        must hold the expected text.
        """
        form = page.form_with(button, values)
        filled = {**form.fields, **values, "action": button}
        answer = self.send(form.action, {name: value for name, value in filled.items() if value is not None})
        if expected not in answer.text:
            raise Trouble(f"{page.url}: after {button} no page says '{expected}': {answer.text[-3000:]}")
        return answer
