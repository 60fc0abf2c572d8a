"""Django, in one file: `application` for WSGI servers, `asgi` for others. Every request is kept, since `slow` is nothing."""

import os

import shop
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import include, path

settings.configure(
    SECRET_KEY=os.environ["PIKOS_TOKEN"],
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["pikos.plugins.django.middleware"],
    PIKOS={"slow": 0, "keep": 200, "token": os.environ["PIKOS_TOKEN"], "folder": os.environ.get("PIKOS_FOLDER")},
)


def pay(request, items):
    return JsonResponse(shop.pay(items))


async def pay_async(request, items):
    return JsonResponse(shop.pay(items))


def broken(request):
    return JsonResponse(shop.pay(None))


urlpatterns = [
    path("pay/<int:items>", pay),
    path("async/", include([path("pay/<int:items>", pay_async)])),
    path("broken", broken),
]
application = get_wsgi_application()
asgi = get_asgi_application()
