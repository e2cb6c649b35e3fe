"""A written folder on the Hugging Face hub, through its own client."""

from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

from lbt_core import UserError
from lbt_core.reporting.model_card import HUB_ID
from lbt_core.reporting.publishing.folder import Published


def check_name(name: str) -> None:
    """Raise UserError where a name is no ORG/NAME of the hub."""
    if not HUB_ID.fullmatch(name):
        raise UserError(f"--to hub:{name}: expected hub:ORG/NAME")


def upload(published: Published, name: str, private: bool) -> list[str]:
    """Upload data set, model and adapter; the addresses. Existing repositories get a new commit.

    The token is the client's own (``hf auth login`` or HF_TOKEN). Raises UserError saying what the
    hub answered.
    """
    api = HfApi(library_name="lbt")
    repositories = [(name, "dataset", published.folder, ["model/*", "adapter/*"])]
    for model in published.models:
        repo = name if model == "model" else f"{name}-{model}"
        repositories.append((repo, "model", published.folder / model, []))
    done = []
    for repo, kind, folder, ignored in repositories:
        try:
            done.append(_one(api, repo, kind, folder, ignored, private))
        except LocalTokenNotFoundError:
            raise UserError(
                "the hub asks who you are: `hf auth login`, or a token in HF_TOKEN"
            ) from None
        except (HfHubHTTPError, OSError) as error:
            told = " ".join(str(error).split())[:300]
            made = f"; uploaded before: {', '.join(done)}" if done else ""
            raise UserError(
                f"--to hub:{repo}: the upload failed ({told}){made}; the same command goes on"
            ) from None
    return done


def _one(api: HfApi, repo: str, kind: str, folder: Path, ignored: list[str], private: bool) -> str:
    address = api.create_repo(repo, repo_type=kind, private=private, exist_ok=True)
    api.upload_folder(
        repo_id=repo,
        repo_type=kind,
        folder_path=folder,
        ignore_patterns=ignored or None,
        commit_message="Published by lbt publish",
    )
    return str(address)
