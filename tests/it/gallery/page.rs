//! The page that shows all sheets: a cell is a piece of its sheet.

use std::fmt::Write;

use super::reel::{Family, HEIGHT, WIDTH};

const HEAD: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width\">
<title>What Loomcast can show</title>
<style>
:root { color-scheme: light dark; --ground: #f6f5f2; --card: #ffffff; --ink: #23262d; --soft: #6a6f7a; --line: #e2e0da; --accent: #a8452c; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #16181d; --card: #1f2229; --ink: #e6e6e3; --soft: #9a9fab; --line: #2e323b; --accent: #e58a63; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1200px; padding: 2.5rem 1.5rem 4rem; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.9rem; margin: 0 0 .3rem; letter-spacing: -.01em; }
h2 { font-size: 1.25rem; margin: 2.8rem 0 .2rem; padding-top: .8rem; border-top: 1px solid var(--line); }
p { margin: 0 0 1rem; color: var(--soft); max-width: 46rem; }
a { color: var(--accent); }
nav { display: flex; flex-wrap: wrap; gap: .35rem 1rem; margin: 1rem 0 0; }
code { font-size: .92em; }
.rows { display: flex; flex-wrap: wrap; gap: 12px; }
figure { margin: 0; padding: 9px 10px 7px; background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
figcaption { font: 600 13px/1.3 ui-monospace, monospace; margin-bottom: 7px; }
figure > div { display: flex; gap: 4px; }
.cell { font: 11px/1.4 system-ui, sans-serif; color: var(--soft); text-align: center; }
.cell i { display: block; border-radius: 2px; background-repeat: no-repeat; }
</style>
";

/// Text as HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}

/// The page of these families.
pub fn page(families: &[Family]) -> String {
    let mut page = String::from(HEAD);
    write(&mut page, families).expect("a string takes it");
    page
}

fn write(page: &mut String, families: &[Family]) -> std::fmt::Result {
    writeln!(
        page,
        "<style>\n.cell i {{ width: {WIDTH}px; height: {HEIGHT}px; }}"
    )?;
    for Family { name, .. } in families {
        writeln!(
            page,
            "#{name} i {{ background-image: url(../../tests/it/golden/{name}.png); }}"
        )?;
    }
    writeln!(page, "</style>\n<h1>What Loomcast can show</h1>")?;
    writeln!(
        page,
        "<p>Each name of <a href=\"../ref/template.md\">the template's language</a> that changes a picture. The tests compare with \
         these stills; <code>scripts/gallery</code> makes them and this page. Times count from the start of the clip.</p>\n<nav>"
    )?;
    for Family { name, title, .. } in families {
        writeln!(page, "<a href=\"#{name}\">{title}</a>")?;
    }
    writeln!(page, "</nav>")?;
    for family in families {
        let Family {
            name,
            title,
            what,
            part,
            ..
        } = family;
        writeln!(
            page,
            "<h2>{title}</h2>\n<p>{} <a href=\"../ref/template.md#{part}\">Reference</a></p>\n<div class=\"rows\" id=\"{name}\">",
            escaped(what)
        )?;
        for (index, row) in family.rows().iter().enumerate() {
            write!(
                page,
                "<figure><figcaption>{}</figcaption><div>",
                escaped(&row.name)
            )?;
            for (column, label) in row.labels.iter().enumerate() {
                let (x, y) = (column * WIDTH, index * HEIGHT);
                write!(
                    page,
                    "<span class=\"cell\"><i style=\"background-position: -{x}px -{y}px\"></i>{label}</span>"
                )?;
            }
            writeln!(page, "</div></figure>")?;
        }
        writeln!(page, "</div>")?;
    }
    Ok(())
}
