//! The HTML of all pages: plain and accessible. A page loads nothing from elsewhere.
//!
//! The `id` of a control is the name of its action (`#pay`, `#decline`, `#otp-submit`), and does not change.

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1c2430;--paper:#fff;--line:#d5dae2;--go:#1b5fd1;--soft:#f4f6f9}\
@media(prefers-color-scheme:dark){:root{--ink:#e8ecf2;--paper:#161b22;--line:#39424f;--go:#6aa3ff;--soft:#1f2630}}\
*{box-sizing:border-box}body{margin:0;background:var(--soft);color:var(--ink);font:16px/1.5 system-ui,sans-serif}\
main{max-width:44rem;margin:2rem auto;padding:1.5rem;background:var(--paper);border:1px solid var(--line);\
border-radius:10px}main.wide{max-width:72rem}h1{font-size:1.3rem;margin:0 0 .25rem}h2{font-size:1rem;\
margin:1.5rem 0 .5rem}.amount{font-size:2rem;font-weight:650;margin:.25rem 0}dl{display:grid;\
grid-template-columns:max-content 1fr;gap:.15rem 1rem}dt{opacity:.7}dd{margin:0;overflow-wrap:anywhere}form{\
display:inline-block;margin:.2rem .3rem .2rem 0;vertical-align:top}form.fields{display:block}.n{\
white-space:nowrap}label{display:block;margin:.5rem 0}input,button{font:inherit;padding:.5rem .8rem;\
border:1px solid var(--line);border-radius:7px;background:var(--paper);color:inherit}button{cursor:pointer}\
button.main{background:var(--go);border-color:var(--go);color:var(--paper);font-weight:600}button:focus-visible,\
input:focus-visible,a:focus-visible{outline:3px solid var(--go);outline-offset:2px}table{border-collapse:collapse;\
width:100%}th,td{text-align:left;padding:.4rem .5rem;border-bottom:1px solid var(--line);vertical-align:top;\
overflow-wrap:anywhere}.notice{border-left:4px solid var(--go);padding:.5rem .8rem;background:var(--soft)}.play{\
opacity:.75;font-size:.85rem}a{color:var(--go)}";

/// A whole page. `title` is escaped here; `content` is HTML from the caller.
pub(super) fn page(title: &str, content: &str) -> String {
    layout(title, content, "")
}

/// A wide page, for a table.
pub(super) fn wide_page(title: &str, content: &str) -> String {
    layout(title, content, " class=\"wide\"")
}

fn layout(title: &str, content: &str, class: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>{title}</title><style>{STYLE}</style></head>\
         <body><main{class}><h1>{title}</h1>{content}\
         <p class=\"play\">Sandbox: no real money moves here. <a href=\"/\">Start page</a></p>\
         </main></body></html>"
    )
}

pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

/// A list of terms and their descriptions.
pub(super) fn facts(facts: &[(&str, &str)]) -> String {
    let rows: String =
        facts.iter().map(|(term, text)| format!("<dt>{}</dt><dd>{}</dd>", escape(term), escape(text))).collect();
    format!("<dl>{rows}</dl>")
}

/// A button in a form of its own that posts to `target`.
pub(super) fn button(target: &str, id: &str, label: &str, main: bool) -> String {
    button_with(target, id, label, main, "")
}

/// A button in a form that has other fields. `fields` is their HTML, which the caller has escaped.
pub(super) fn button_with(target: &str, id: &str, label: &str, main: bool, fields: &str) -> String {
    let class = if main { " class=\"main\"" } else { "" };
    // A form with fields has its own line; single buttons are next to each other.
    let form = if fields.contains("<label") { " class=\"fields\"" } else { "" };
    format!(
        "<form method=\"post\" action=\"{}\"{form}>{fields}<button id=\"{}\"{class}>{}</button></form>",
        escape(target),
        escape(id),
        escape(label)
    )
}

/// A labelled text field.
pub(super) fn field(id: &str, label: &str, value: &str) -> String {
    format!(
        "<label for=\"{0}\">{1}<br><input id=\"{0}\" name=\"{0}\" value=\"{2}\" autocomplete=\"off\"></label>",
        escape(id),
        escape(label),
        escape(value)
    )
}

/// A hidden field.
pub(super) fn hidden(name: &str, value: &str) -> String {
    format!("<input type=\"hidden\" name=\"{}\" value=\"{}\">", escape(name), escape(value))
}

pub(super) fn notice(text: &str) -> String {
    format!("<p class=\"notice\" id=\"notice\" role=\"status\">{}</p>", escape(text))
}
