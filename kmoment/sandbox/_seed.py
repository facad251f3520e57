"""The data of the accounts when the sandbox starts.

Account 1234 holds the values of Kakao's samples. The data of any other account is made from the
seed, in the same forms. Its ids start at 1,000 times its position, so that no two accounts share
an id.
"""

from __future__ import annotations

import json
from importlib.resources import files
from random import Random

from ._reply import Json

DOCUMENTED_ACCOUNT = 1234


def load(account_id: int, position: int, seed: int) -> Json:
    if account_id == DOCUMENTED_ACCOUNT:
        path = files("kmoment.sandbox").joinpath("account_1234.json")
        documented: Json = json.loads(path.read_text("utf-8"))
        return documented
    random = Random(f"{seed}:{account_id}")  # noqa: S311 - must be repeatable
    return _invented(account_id, (position + 1) * 1000, random)


def _invented(account_id: int, base: int, random: Random) -> Json:
    channel = _profile(random)
    return {
        "audiences": [_audience(base + n, n, random) for n in (1, 2, 3)],
        "adGroups": [_ad_group(base + n, n) for n in (1, 2, 3)],
        "links": [{"audienceId": base + 1, "adGroupId": base + 1}],
        "cohorts": [_cohort(account_id, base + n, n, random) for n in (1, 2)],
        "pixelEvents": {str(random.randrange(10**18, 9 * 10**18)): [_all_events(random)]},
        "customerFiles": [
            _customer_file(account_id, base + n, status, random)
            for n, status in enumerate(("COMPLETE", "WAITING", "ERROR"), 1)
        ],
        "talkChannels": [{"id": channel, "name": "sandbox_channel", "searchId": "sandbox_channel"}],
        "syncProfiles": [{"id": channel, "name": "sandbox_login", "searchId": "sandbox_login"}],
        "friendGroups": [_friend_group(base + 1, channel, random)],
    }


def _audience(audience_id: int, n: int, random: Random) -> Json:
    kind = "MESSAGE" if n == 2 else "DISPLAY"
    name = f"sandbox_audience_{n}"
    everyone = {"ageType": "ALL", "genderType": "ALL", "locationType": "ALL"}
    date = f"2024-0{n}-{random.randint(10, 28)}T09:00:00"
    return {
        "id": audience_id,
        "status": "AVAILABLE",
        "population": random.randint(10_000, 9_000_000),
        "createdDate": date,
        "lastModifiedDate": date,
        "body": {"type": kind, "name": name, **everyone},
    }


def _ad_group(ad_group_id: int, n: int) -> Json:
    message = n == 2
    goal = ("TALK_CHANNEL", "REACH") if message else ("DISPLAY", "VISITING")
    return {
        "campaignId": ad_group_id,
        "campaignName": f"sandbox_campaign_{n}",
        "campaignTypeGoal": {"campaignType": goal[0], "goal": goal[1]},
        "adGroupId": ad_group_id,
        "adGroupName": f"sandbox_ad_group_{n}",
        "adGroupStatus": ["OPERATING"],
        "adGroupType": "DIRECT_MESSAGE" if message else "DISPLAY",
    }


def _cohort(account_id: int, cohort_id: int, n: int, random: Random) -> Json:
    goal = {"campaignType": "DISPLAY", "goal": "VISITING"}
    campaign = {"id": cohort_id, "name": f"sandbox_campaign_{n}", "campaignTypeGoal": goal}
    group = {"id": cohort_id, "name": f"sandbox_ad_group_{n}"}
    base = {"campaign": campaign, "adGroup": group, "operation": "ONLY", "firstIndicator": "CLICK"}
    date = f"2024-0{n}-{random.randint(10, 28)} 10:30:00"
    return {
        "adAccountId": account_id,
        "id": cohort_id,
        "audienceType": "DISPLAY",
        "name": f"sandbox_engagement_{n}",
        "baseAds": [base],
        "collectDuration": 90,
        "status": "AVAILABLE",
        "createdDate": date,
        "lastModifiedDate": date,
    }


def _all_events(random: Random) -> Json:
    return {
        "lastEventDate": f"2024.01.{random.randint(10, 28)} 19:36",
        "eventCode": "*",
        "eventName": "모든 이벤트",
        "trackRuleId": "*",
        "population": random.randint(1_000, 9_000_000),
    }


def _customer_file(account_id: int, file_id: int, status: str, random: Random) -> Json:
    date = f"2024-02-{random.randint(10, 28)} 08:00"
    return {
        "id": file_id,
        "adAccountId": account_id,
        "name": f"sandbox_customer_file_{status.lower()}",
        "adidListKey": f"{random.getrandbits(96):024x}",
        "status": status,
        "populationScore": random.randint(100, 90_000) if status == "COMPLETE" else 0,
        "ready": status == "COMPLETE",
        "createdDate": date,
        "lastModifyRequestDate": date,
    }


def _friend_group(group_id: int, profile_id: str, random: Random) -> Json:
    date = f"2024-03-{random.randint(10, 28)}T16:12:43"
    return {
        "id": group_id,
        "profileId": profile_id,
        "name": "sandbox_friend_group",
        "talkChannelGroupFileStatus": "COMPLETE",
        "fileType": "PHONE_NUMBER",
        "groupKey": f"{random.getrandbits(128):032x}",
        "createdDate": date,
        "populationUpdateDate": date,
    }


def _profile(random: Random) -> str:
    return "_" + "".join(random.choices("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ", k=6))
