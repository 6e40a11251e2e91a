//! The start page, which lists the companies and their scenes.

use actix_web::{HttpResponse, web};

use super::html;
use super::reply::Reply;
use super::world::World;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.route("/", web::get().to(show));
}

async fn show(world: web::Data<World>) -> HttpResponse {
    let mut content = "<p>Payment companies, simulated on this machine. Create a top-up order in \
        the service, follow its <code>next_action.redirect.url</code> (for the card pop-up: \
        <code>/stripe/elements/{payment intent}?client_secret=…</code>), and you are on a payment \
        page of this sandbox. The service learns of your action by a signed notification.</p>"
        .to_owned();
    for company in world.companies() {
        let name = company.name();
        let rows: String = company
            .actions()
            .iter()
            .map(|(action, what)| {
                format!("<tr><td><code>{}</code></td><td>{}</td></tr>", html::escape(action), html::escape(what))
            })
            .collect();
        content += &format!(
            "<h2>{name}</h2><p><a href=\"/{name}/dashboard\">Dashboard</a> · \
             <a href=\"/control/{name}/payments\">payments</a> · \
             <a href=\"/control/{name}/requests\">requests received</a> · \
             <a href=\"/control/{name}/deliveries\">notifications sent</a></p>\
             <details><summary>Scenes: \
             <code>POST {}/control/{name}/payments/{{id}}/{{action}}</code></summary>\
             <table><tr><th>Action</th><th>What happens</th></tr>{rows}</table></details>",
            html::escape(&world.public_url)
        );
    }
    content += "<h2>For tests</h2><p>Calls can fail on purpose: <code>POST \
        /control/{company}/faults {\"operation\":\"create_session\",\"kind\":\"timeout\"}</code> \
        (kinds: timeout, slow, status, html, half_json, other_order). Notifications can be held \
        back: <code>POST /control/{company}/notifications/mute {\"muted\":true}</code>, and sent \
        again: <code>POST /control/{company}/deliveries/{event}/resend</code>.</p>";
    Reply::html(200, html::wide_page("Payment sandbox", &content)).into_response()
}
