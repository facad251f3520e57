"""All places of Korea that can be targeted, as one tree. Looking something up needs no call.

    tree = await moment.locations.tree(file="kakao-locations.json")
    print(tree, tree.find("고성군"))
    places = tree.select("부산광역시", "강남구 논현1동", "수원시", "서울 송파/서초")
    draft = kmoment.AudienceDraft.display("South and Nonhyeon", **places)

A whole column of names, as pasted from a spreadsheet, is settled in one look:

    tree = await moment.locations.tree(file="kakao-locations.json")
    resolution = tree.resolve(["경북 포항", "역삼동", "송파구(서울)", "부산 중구, 동구", "청원군"])
    print(resolution)
    chosen = tree.select(*resolution.places)

* **Names** are read as people write them: 서울, 경북, 전라북도, 수원, 강남, 역삼동, 강남구논현1동,
  서울 > 강남구, 종로1.2.3.4가동, 역삼제1동; typed on a Mac, full-width, with invisible characters.
  Old names lead to today's place, or the error names it (`successors`).
* **Never silently another place.** A name that several places have (고성군, 중구, 부평동) is an
  `AmbiguousLocationError` with all candidates and how to write each. Part of a name is not a name:
  only `tree.search("논현")` takes one.
* **Commas** and ``/`` separate places, and what the first lies in carries over: 부산 중구, 동구. A
  province alone, first or last, makes levels: 서울, 강남구 is one place. Other levels and a list
  look the same (강남구, 역삼동), which is an error: write 강남구 역삼동, or 강남구; 역삼동.
* **Sets**: a city stands for all its gu, a legal dong for its neighbourhoods in one district, 전국
  for all provinces, 수도권 for 서울, 인천 and 경기. 제외 and 빼고 are refused, never ignored.
* **The tree** comes from about 280 calls, is kept in a dated file, and after 30 days (`max_age`) is
  asked for again. `tree.missing` says what it may lack, and why. `tree.compare(newer)` lists what
  was added, removed and renamed. Places are identified by Kakao's code: names change.
* `korea()` gives the official names alone, without codes, to check a list offline.
"""

from ._reasons import Reason
from .official import OfficialNames, OfficialPlace, korea
from .resolution import Resolution, Resolved, ResolveStatus
from .tree import LocationFields, LocationTree, Missing, Place, TreeChanges

__all__ = [
    "LocationFields",
    "LocationTree",
    "Missing",
    "OfficialNames",
    "OfficialPlace",
    "Place",
    "Reason",
    "Resolution",
    "ResolveStatus",
    "Resolved",
    "TreeChanges",
    "korea",
]
