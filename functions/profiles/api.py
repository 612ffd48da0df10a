"""HTTP: the profile that a mechanic, or whoever wants to be one, keeps."""

from dispatch.core import http, time
from dispatch.core.http import AnyCaller, answers
from dispatch.profiles import service
from dispatch.profiles.requests import ProfileBody
from dispatch.profiles.views import CompletionView, ProfileView

app = http.create_app("Profiles")


@app.get("/mechanic/profile", responses=answers(404))
async def profile(who: AnyCaller) -> ProfileView:
    """All that the caller has said of themselves as a mechanic."""
    return ProfileView.of(service.profile_of(who.id), time.now())


@app.put("/mechanic/profile", responses=answers(409, 429))
async def edit_profile(body: ProfileBody, who: AnyCaller) -> ProfileView:
    """Replace it as a whole. The first makes an applicant of the caller, whom an admin may approve.

    Photo, rating and status are not the caller's to write here.
    """
    now = time.now()
    return ProfileView.of(service.edit_profile(who.id, body.to_edit(), body.version, now), now)


@app.get("/mechanics/{mechanic_id}/profile-completion", responses=answers(404))
async def completion(mechanic_id: str, who: AnyCaller) -> CompletionView:
    """How complete a profile is and what is missing; for its mechanic and for admins."""
    found = service.completion_for(mechanic_id, who.id, time.now(), is_admin=who.is_admin)
    return CompletionView.of(mechanic_id, found)


handler = http.lambda_handler(app)
