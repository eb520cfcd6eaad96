"""Anything a notebook holds -> Picture; limits, conversion, boxes and masks, provenance. Names load on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notebook_img._face import face

if TYPE_CHECKING:
    from notebook_img.pictures.boxes import Box as Box
    from notebook_img.pictures.bundles import Bundle as Bundle
    from notebook_img.pictures.bundles import image_bundle as image_bundle
    from notebook_img.pictures.bundles import shorten as shorten
    from notebook_img.pictures.bundles import size_words as size_words
    from notebook_img.pictures.bundles import still as still
    from notebook_img.pictures.colours import as_grey as as_grey
    from notebook_img.pictures.colours import as_rgb as as_rgb
    from notebook_img.pictures.colours import colour_in as colour_in
    from notebook_img.pictures.colours import fitting as fitting
    from notebook_img.pictures.colours import into as into
    from notebook_img.pictures.colours import is_grey as is_grey
    from notebook_img.pictures.colours import is_srgb as is_srgb
    from notebook_img.pictures.colours import space_of as space_of
    from notebook_img.pictures.colours import to_srgb as to_srgb
    from notebook_img.pictures.convert import Prepared as Prepared
    from notebook_img.pictures.convert import conversion_notes as conversion_notes
    from notebook_img.pictures.convert import encode as encode
    from notebook_img.pictures.convert import prepare as prepare
    from notebook_img.pictures.cutouts import WEIGHTS as WEIGHTS
    from notebook_img.pictures.cutouts import cut_alpha as cut_alpha
    from notebook_img.pictures.cutouts import painted_chequerboard as painted_chequerboard
    from notebook_img.pictures.fetching import fetch as fetch
    from notebook_img.pictures.fetching import vetted_address as vetted_address
    from notebook_img.pictures.formats import MIME_TYPES as MIME_TYPES
    from notebook_img.pictures.formats import SUFFIXES as SUFFIXES
    from notebook_img.pictures.formats import is_picture_file as is_picture_file
    from notebook_img.pictures.formats import mime_type_for as mime_type_for
    from notebook_img.pictures.formats import normal_mime_type as normal_mime_type
    from notebook_img.pictures.formats import sniff as sniff
    from notebook_img.pictures.intake import SAMPLES as SAMPLES
    from notebook_img.pictures.intake import is_picture_like as is_picture_like
    from notebook_img.pictures.intake import load as load
    from notebook_img.pictures.intake import local_path as local_path
    from notebook_img.pictures.intake import missing as missing
    from notebook_img.pictures.limits import Limits as Limits
    from notebook_img.pictures.masks import as_mask as as_mask
    from notebook_img.pictures.masks import confine as confine
    from notebook_img.pictures.masks import grow_mask as grow_mask
    from notebook_img.pictures.masks import outpaint as outpaint
    from notebook_img.pictures.objects import FIGURE_NOTE as FIGURE_NOTE
    from notebook_img.pictures.picture import Picture as Picture
    from notebook_img.pictures.picture import key_of_pixels as key_of_pixels
    from notebook_img.pictures.previews import PREVIEW_BYTES as PREVIEW_BYTES
    from notebook_img.pictures.previews import PREVIEW_SIDE as PREVIEW_SIDE
    from notebook_img.pictures.previews import TINY_SIDE as TINY_SIDE
    from notebook_img.pictures.previews import Preview as Preview
    from notebook_img.pictures.previews import encode_within as encode_within
    from notebook_img.pictures.previews import preview as preview
    from notebook_img.pictures.previews import scale_down as scale_down
    from notebook_img.pictures.previews import small_image as small_image
    from notebook_img.pictures.previews import smaller as smaller
    from notebook_img.pictures.privacy import to_leave as to_leave
    from notebook_img.pictures.privacy import without_private_parts as without_private_parts
    from notebook_img.pictures.provenance import write_provenance as write_provenance
    from notebook_img.pictures.regions import Drift as Drift
    from notebook_img.pictures.regions import RegionPlan as RegionPlan
    from notebook_img.pictures.regions import Takes as Takes
    from notebook_img.pictures.regions import align as align
    from notebook_img.pictures.regions import cut_frame as cut_frame
    from notebook_img.pictures.regions import measure_drift as measure_drift
    from notebook_img.pictures.regions import paste_reply as paste_reply
    from notebook_img.pictures.regions import plan_region as plan_region
    from notebook_img.pictures.shapes import shapes_in as shapes_in
    from notebook_img.pictures.sheets import contact_sheet as contact_sheet
    from notebook_img.pictures.sheets import line_height as line_height
    from notebook_img.pictures.sheets import strip as strip
    from notebook_img.pictures.sheets import strip_sizes as strip_sizes
else:
    __getattr__, __dir__, __all__ = face(
        __name__,
        boxes="Box",
        bundles="Bundle image_bundle shorten size_words still",
        colours="as_grey as_rgb colour_in fitting into is_grey is_srgb space_of to_srgb",
        convert="Prepared conversion_notes encode prepare",
        cutouts="WEIGHTS cut_alpha painted_chequerboard",
        fetching="fetch vetted_address",
        formats="MIME_TYPES SUFFIXES is_picture_file mime_type_for normal_mime_type sniff",
        intake="SAMPLES is_picture_like load local_path missing",
        limits="Limits",
        masks="as_mask confine grow_mask outpaint",
        objects="FIGURE_NOTE",
        picture="Picture key_of_pixels",
        regions="Drift RegionPlan Takes align cut_frame measure_drift paste_reply plan_region",
        shapes="shapes_in",
        sheets="contact_sheet line_height strip strip_sizes",
        previews="PREVIEW_BYTES PREVIEW_SIDE TINY_SIDE Preview encode_within preview scale_down small_image smaller",
        provenance="write_provenance",
        privacy="to_leave without_private_parts",
    )
