"""Official names of Korea's places and the location codes that Kakao has published.

Only data: ``ATTRIBUTION.txt`` says where each file comes from.
"""
