//! libav*: the only place that knows ffmpeg.
