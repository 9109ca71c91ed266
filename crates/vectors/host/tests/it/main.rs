mod json;
mod json_data;
mod json_dialects;
mod json_limits;
